import { expect, it } from 'vitest'
import { ProtocolError } from '../../protocol/errors.ts'

it('is an error with a name, a stable code and its cause', () => {
  const cause = new SyntaxError('unexpected token')
  const error = new ProtocolError('PHX_ERR_FRAME_NOT_JSON', 'the frame is not JSON', { cause })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({
    name: 'ProtocolError',
    code: 'PHX_ERR_FRAME_NOT_JSON',
    message: 'the frame is not JSON',
    cause,
  })
  expect(String(error)).toBe('ProtocolError: the frame is not JSON')
})
