export { redisLog } from '../infra/redis-log.ts';
export type { RedisLogOptions, WhenUnavailable } from '../infra/redis-log-options.ts';
