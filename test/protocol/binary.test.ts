import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { expect, it } from 'vitest'
import { Binary } from '../../protocol/binary.ts'

it.each([[new Uint8Array()], [Uint8Array.of(1)], [Buffer.from('a')]])(
  'accepts %o as bytes (BINARY-1)',
  (value) => {
    expect(Compile(Binary).Check(value)).toBe(true)
  },
)

it.each([
  [[1, 2]],
  ['AQI='],
  [null],
  [undefined],
  [{ 0: 1, length: 1 }],
  [new ArrayBuffer(2)],
  [new Uint16Array(1)],
])('refuses %o as bytes with the reason (BINARY-1)', (value) => {
  const validator = Compile(Binary)
  expect(validator.Check(value)).toBe(false)
  expect(validator.Errors(value)).toEqual([expect.objectContaining({ message: 'must be bytes' })])
})

it('can be part of other schemas', () => {
  const validator = Compile(Type.Union([Binary, Type.Object({ body: Type.String() })]))
  expect(validator.Check(Uint8Array.of(1))).toBe(true)
  expect(validator.Check({ body: 'hi' })).toBe(true)
  expect(validator.Check({ body: Uint8Array.of(1) })).toBe(false)
})
