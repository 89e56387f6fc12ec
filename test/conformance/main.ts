import { readSettings } from '../../server/app/settings.ts'
import { buildConformanceApp } from './app.ts'

const settings = readSettings({ LOG_LEVEL: 'error', NOTIFY_EVERY_MS: '0', ...process.env })
const app = await buildConformanceApp(settings)
const address = await app.listen({ port: settings.port, host: settings.host })
console.log(`reference app listens on ${address}`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void app.close())
