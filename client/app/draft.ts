import { limits } from '../../server/app/contracts/room.ts'

const WARN_BELOW = 200

/** True if the draft can be sent: it is not blank and not too long. */
export function isSendable(draft: string): boolean {
  return draft.trim() !== '' && charactersLeft(draft) >= 0
}

/** Notice about a draft's length; empty while the draft is well below the limit. */
export function lengthHint(draft: string): string {
  const left = charactersLeft(draft)
  if (left < 0) return `${characters(-left)} too many`
  return left < WARN_BELOW ? `${characters(left)} left` : ''
}

function characters(count: number): string {
  return count === 1 ? '1 character' : `${count} characters`
}

// Count code points, as the contract does.
function charactersLeft(draft: string): number {
  return limits.body - [...draft].length
}
