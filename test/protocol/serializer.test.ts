import { expect, it } from 'vitest'
import { Frame, type Opcode } from '../../protocol/serializer.ts'

it.each<{ opcode: Opcode; data: string | Uint8Array }>([
  { opcode: 'text', data: '[]' },
  { opcode: 'binary', data: new Uint8Array([0]) },
])('keeps a $opcode frame and an empty slot for its transport', ({ opcode, data }) => {
  const frame = new Frame(opcode, data)
  expect(frame.opcode).toBe(opcode)
  expect(frame.data).toBe(data)
  expect(frame.wire).toBeNull()
})
