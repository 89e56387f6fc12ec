import { RESP_TYPES } from 'redis'

/** Client options for each form of a reply. They turn a map into a flat array, as scripts do. */
export const REPLIES = {
  strings: { typeMapping: { [RESP_TYPES.MAP]: Array } },
  buffers: { typeMapping: { [RESP_TYPES.MAP]: Array, [RESP_TYPES.BLOB_STRING]: Buffer } },
} as const
