import { RESP_TYPES } from 'redis'

/** Client options for each form of a reply. A map is a flat array, as in scripts. */
export const REPLIES = {
  strings: { typeMapping: { [RESP_TYPES.MAP]: Array } },
  buffers: { typeMapping: { [RESP_TYPES.MAP]: Array, [RESP_TYPES.BLOB_STRING]: Buffer } },
} as const
