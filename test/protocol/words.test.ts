import { expect, it } from 'vitest'
import * as closeCodes from '../../protocol/close-codes.ts'
import * as events from '../../protocol/events.ts'
import * as reasons from '../../protocol/reasons.ts'
import { errorCodes } from '../../server/errors.ts'

it('the words and codes that clients and applications compare with are those of public-words.json', async () => {
  const words = { closeCodes, events, reasons, errorCodes: Object.keys(errorCodes) }
  await expect(`${JSON.stringify(words, null, 2)}\n`).toMatchFileSnapshot('../public-words.json')
})
