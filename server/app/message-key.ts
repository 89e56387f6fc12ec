import { createHash } from 'node:crypto'

/** The kind of an id: users and connections are different senders, and requests have ids of their own. */
type SenderKind = 'user' | 'client' | 'http'

/** The key under which a message is kept once: of its sender and of the id that the sender gave it (RECOVERY-13). */
export function messageKey(kind: SenderKind, sender: string, id: string): string {
  // A digest, as both together can be longer than a key.
  return createHash('sha256')
    .update(JSON.stringify([kind, sender, id]))
    .digest('base64url')
}
