// Process of the guests and the offenders of a soak. The run sends it commands.
import { setTimeout as delay } from 'node:timers/promises'
import { ceilings } from './ceilings.ts'
import { type Churn, churn } from './churn.ts'
import { ended } from './ended.ts'
import { floods } from './floods.ts'
import { hostile } from './hostile.ts'
import { malformed } from './malformed.ts'
import type { Target } from './offence.ts'
import type { Rush } from './records.ts'
import { slow } from './slow.ts'

export type CrowdCommand =
  /** Let guests come and go, and meanwhile commit each offence once. Answered by a `Rush`. */
  | (Target & Churn & { readonly do: 'rush' })
  /** Commit all offences at once, again and again, until this process ends. Not answered. */
  | (Target & { readonly do: 'siege' })

/** All offences. They are committed one after the other, so that one does not change the result of another. */
const offences = { ...hostile, ...malformed, ...floods, ...slow, ...ended, ...ceilings }
/** Far above what any attempt takes: a limit for attempts that hang, not a bound. */
const PATIENCE_MS = 60_000
/** Time after which the offences of a siege begin again, although some are not done. */
const SIEGE_ROUND_MS = 10_000

async function rush({ guests, perSecond, ...target }: Target & Churn): Promise<Rush> {
  const begun = performance.now()
  const complaints: string[] = []
  const attempt = async (name: string, work: Promise<string>): Promise<string> => {
    let patience: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      patience = setTimeout(() => reject(new Error(`not done after ${PATIENCE_MS} ms`)), PATIENCE_MS)
    })
    try {
      return await Promise.race([work, late])
    } catch (error) {
      complaints.push(`${name}: ${error instanceof Error ? error.message : error}`)
      return 'complained'
    } finally {
      clearTimeout(patience)
    }
  }
  const churning = churn(target, { guests, perSecond }, attempt)
  for (const [name, commit] of Object.entries(offences)) {
    await attempt(
      name,
      commit(target).then(() => 'done'),
    )
  }
  return { churn: await churning, tookMs: performance.now() - begun, complaints }
}

async function siege(target: Target): Promise<void> {
  for (;;) {
    // What one of them meets may be the doing of another, and the server may be gone.
    const attempts = Object.values(offences).map((commit) => commit(target).catch(() => {}))
    await Promise.race([Promise.all(attempts), delay(SIEGE_ROUND_MS)])
  }
}

process.on('message', (command: CrowdCommand) => {
  if (command.do === 'siege') void siege(command)
  else void rush(command).then((answer) => process.send?.({ answer }))
})
