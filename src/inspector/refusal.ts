import { STATUS_CODES } from 'node:http';

/** A request that is refused. */
export class InspectorRefusal extends Error {
  /** HTTP status. */
  readonly status: number;
  /** `TC_INSPECTOR_...` */
  readonly code: string;
  /** Seconds after which it makes sense to ask again; undefined for never. */
  readonly retryAfterS: number | undefined;

  constructor(status: number, code: string, message: string = STATUS_CODES[status] ?? '', retryAfterS?: number) {
    super(message);
    this.status = status;
    this.code = `TC_INSPECTOR_${code}`;
    this.retryAfterS = retryAfterS;
  }
}
