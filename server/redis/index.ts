export type { GivenClient } from './client.ts'
export type { RedisEngineOptions } from './options.ts'
export { RedisEngine } from './redis-engine.ts'
