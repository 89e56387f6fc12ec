export { HistoryUnknownError } from '../errors.ts'
export type { GivenClient, RedisEngineOptions } from '../redis/index.ts'
export { Emitter, type EmitterOptions } from './emitter.ts'
