import { channel } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { telemetry } from '../../server/telemetry.ts'

test.each(Object.entries(telemetry))(
  '%s is a diagnostics channel under its public name (TELEMETRY-1)',
  (key, value) => {
    const name = `phoenix.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
    expect(value.name).toBe(name)
    expect(channel(name)).toBe(value)
  },
)
