import { afterAll, beforeAll, expect, it } from 'vitest'
import { PageProject } from '../helpers/page-project.ts'
import { ownPrefix, startRedis } from '../helpers/redis.ts'

let project: PageProject
beforeAll(async () => {
  project = await PageProject.create('docs/guide.md')
}, 300_000)
afterAll(() => project?.remove())

it('the samples of several nodes run on a Redis', async () => {
  const { url } = await startRedis()
  const modules = ['cluster.ts', 'announce.ts', 'digest.ts', 'job.ts']
  await project.installed.write(
    'once.ts',
    `import { setTimeout as delay } from 'node:timers/promises'
    import { app } from './cluster.ts'
    import { digest } from './digest.ts'
    await app.ready()
    // The server starts also while Redis is not reached yet.
    while (app.endpoint.engine.state !== 'up') await delay(20)
    const room = 'room:${ownPrefix()}'
    console.log('sent', await app.endpoint.broadcast(room, 'new_msg', {}))
    console.log('scope', (await app.endpoint.engine.claim(room, 60_000)).scope)
    await digest()`,
  )
  const output = await project.load(['once.ts', ...modules], { REDIS_URL: url })
  expect(output).toContain('sent true')
  expect(output).toContain('scope cluster')
  expect(output.match(/^loaded .*$/gm)).toHaveLength(5)
})
