import { expect, test } from 'vitest'
import { runCluster } from '../../../server/cluster/cluster.ts'

test.each([-1, 2 ** 31, Number.POSITIVE_INFINITY])(
  'refuses a `shutdownDelay` of %d, which no timer can wait',
  async (shutdownDelay) => {
    const start = () => Promise.reject(new Error('not started'))
    await expect(runCluster({ workers: 0, start, shutdownDelay })).rejects.toThrow(
      'cluster: `shutdownDelay` must be a number of milliseconds from 0 to 2147483647',
    )
  },
)
