import type { RequestListener } from 'node:http';
import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const app: RequestListener;
