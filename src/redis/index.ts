export { redisLog } from '../infra/log/redis/redis-log.ts';
export type { RedisLogOptions, WhenUnavailable } from '../infra/log/redis/options.ts';
