/** Makes `alerts.yml` and `dashboard.json` anew: `npx node examples/observability/generate.ts`. */
import { writeFileSync } from 'node:fs';
import { alertRules } from './alerts.ts';
import { dashboard } from './dashboard.ts';

writeFileSync(new URL('alerts.yml', import.meta.url), alertRules());
writeFileSync(new URL('dashboard.json', import.meta.url), dashboard());
