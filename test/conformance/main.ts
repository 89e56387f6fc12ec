import { readSettings } from '../../server/app/settings.ts'
import { buildConformanceApp } from './app.ts'

/** Settings for measuring and replaying: open to all, quiet, and without messages of its own. */
const defaults = { ALLOW_ANONYMOUS: '1', LOG_LEVEL: 'error', NOTIFY_EVERY_MS: '0' }
const settings = readSettings({ ...defaults, ...process.env })
const app = await buildConformanceApp({ ...settings, durable: process.env['REDIS_DURABLE'] === '1' })
const address = await app.listen({ port: settings.port, host: settings.host })
console.log(`reference app listens on ${address}`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void app.close())
