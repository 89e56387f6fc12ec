import { describe, expect, it, test } from 'vitest'
import type { Broadcast } from '../../../protocol/index.ts'
import type { HistoryHost, HistorySettings } from '../../../server/pubsub/history.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { LocalHistory } from '../../../server/pubsub/local-history.ts'
import { type HistoryMember, historySuite } from '../../../server/testing/index.ts'

const alone = (open: HistoryMember['openHistory']) => () => ({
  adapter: new LocalAdapter(),
  openHistory: open,
})

describe('a LocalHistory', () => {
  historySuite({ test, cluster: () => alone((host) => new LocalHistory(host)), nodes: 1 })
})

describe('a faulty store', () => {
  /** The titles of the tests that a store fails. */
  async function failures(open: HistoryMember['openHistory']): Promise<string[]> {
    const runs: [string, () => Promise<void>][] = []
    historySuite({ test: (title, run) => void runs.push([title, run]), cluster: () => alone(open), nodes: 1 })
    const failed: string[] = []
    for (const [title, run] of runs) await run().catch(() => failed.push(title))
    return failed
  }

  it('fails if it ignores keys', async () => {
    class Forgetful extends LocalHistory {
      override append(broadcast: Broadcast, settings: HistorySettings) {
        return super.append(broadcast, settings, null)
      }
    }
    expect(await failures((host: HistoryHost) => new Forgetful(host))).toContain(
      'keeps a repeated broadcast with a key once, and refuses this key for another broadcast',
    )
  })

  it('fails if it replays only a part', async () => {
    class Partial extends LocalHistory {
      override replay(...[topic, { epoch, seq }, count]: Parameters<LocalHistory['replay']>) {
        return super.replay(topic, { epoch, seq: Math.max(seq, 16) }, count)
      }
    }
    expect(await failures((host: HistoryHost) => new Partial(host))).toContain(
      'on every node, replays all broadcasts after a cursor, or reports `recovered: false`',
    )
  })
})
