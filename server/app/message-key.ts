import { createHash } from 'node:crypto'

/** Kind of a sender's id. Ids of users, of clients and of HTTP requests are separate. */
type SenderKind = 'user' | 'client' | 'http'

/** Deduplication key of a message, computed from its sender and the id that the sender gave it (RECOVERY-13). */
export function messageKey(kind: SenderKind, sender: string, id: string): string {
  // Use a digest, because sender and id together can be longer than a key.
  return createHash('sha256')
    .update(JSON.stringify([kind, sender, id]))
    .digest('base64url')
}
