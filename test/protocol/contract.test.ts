import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { defineContract } from '../../protocol/contract.ts'

it('returns the contract it was given, as constant data', () => {
  const contract = { topic: 'room:*', incoming: { new_msg: { payload: Type.Object({}) } } }
  expect(defineContract(contract)).toBe(contract)
  expect(contract).toSatisfy(Object.isFrozen)
})

it.each(['', '*:room', 'room:*:users'])('refuses the topic pattern "%s" at once (TOPIC-1)', (topic) => {
  expect(() => defineContract({ topic })).toThrow(
    expect.objectContaining({ name: 'UsageError', code: 'PHX_ERR_DEFINITION' }),
  )
})
