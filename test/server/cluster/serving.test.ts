import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../../../server/cluster/serving.ts'

test('the app that `start` returns must have an endpoint', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  await expect(serve(() => ({ app }))).rejects.toMatchObject({
    code: 'PHX_ERR_NO_ENDPOINT',
    message:
      'cluster: `start` resolved without a valid endpoint; register the plugin `phoenix` on `app`, or return { app, endpoint }',
  })
})
