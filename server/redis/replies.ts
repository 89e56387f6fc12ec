import { RESP_TYPES } from 'redis'

/** Options of the Redis client for each form of a reply. A map in a reply becomes a flat array of keys and values. */
export const REPLIES = {
  strings: { typeMapping: { [RESP_TYPES.MAP]: Array } },
  buffers: { typeMapping: { [RESP_TYPES.MAP]: Array, [RESP_TYPES.BLOB_STRING]: Buffer } },
} as const
