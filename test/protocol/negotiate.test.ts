import { describe, expect, it } from 'vitest'
import { defaultSerializers, negotiateSerializer } from '../../protocol/negotiate.ts'
import type { Serializer } from '../../protocol/serializer.ts'
import { v1JsonSerializer } from '../../protocol/v1-json-serializer.ts'
import { v2JsonSerializer } from '../../protocol/v2-json-serializer.ts'

it('uses version 1 for a client that sends no vsn (VSN-1)', () => {
  expect(negotiateSerializer(undefined)).toBe(v1JsonSerializer)
})

it.each(['1.0.0', '1.0.9', '1.0.1-rc.1'])('uses version 1 for vsn=%s (VSN-3)', (vsn) => {
  expect(negotiateSerializer(vsn)).toBe(v1JsonSerializer)
})

it.each(['2.0.0', '2.0.1', '2.0.7', '2.0.10', '2.0.1-rc.1', '2.0.0+x', '2.0.3-a.b+c.d'])(
  'uses version 2 for vsn=%s (VSN-3)',
  (vsn) => {
    expect(negotiateSerializer(vsn)).toBe(v2JsonSerializer)
  },
)

it.each(['2.0.0-rc.1', '1.0.0-rc.1', '1.1.0', '2.1.0', '2.1.0-rc.1', '3.0.0', '0.0.0', '123.1.1', '9.9.9'])(
  'refuses vsn=%s, which no serializer supports (VSN-3)',
  (vsn) => {
    expect(negotiateSerializer(vsn)).toBeNull()
  },
)

it.each([
  '2.0',
  '2',
  '',
  'abc',
  'v2.0.0',
  '2.0.0.0',
  ' 2.0.0',
  '2.0.0\n',
  '2.0.x',
  '02.0.0',
  '2.00.0',
  '2.0.0-',
  '-2.0.0',
])('refuses vsn=%j, which is not a full version (VSN-2)', (vsn) => {
  expect(negotiateSerializer(vsn)).toBeNull()
})

it.each([[['2.0.0']], [{ a: '2.0.0' }], [null], [2]])('refuses vsn %j, which is not text (VSN-2)', (vsn) => {
  expect(negotiateSerializer(vsn)).toBeNull()
})

describe('with custom serializers', () => {
  const speaking = (vsn: string): Serializer => ({ ...v2JsonSerializer, vsn })

  it('uses the first that matches (VSN-4)', () => {
    const first = speaking('2.0.0')
    expect(negotiateSerializer('2.0.5', [first, speaking('2.0.3')])).toBe(first)
    expect(negotiateSerializer('1.0.0', [first])).toBeNull()
  })

  it("accepts no version below the serializer's own (VSN-3)", () => {
    const serializers = [speaking('3.2.4')]
    expect(negotiateSerializer('3.2.3', serializers)).toBeNull()
    expect(negotiateSerializer('3.2.4-rc.1', serializers)).toBeNull()
    expect(negotiateSerializer('3.2.5-rc.1', serializers)).toBe(serializers[0])
    expect(negotiateSerializer(undefined, serializers)).toBeNull()
  })
})

it('has serializers for both versions, each with its own index', () => {
  expect(defaultSerializers.map(({ vsn, index }) => [vsn, index])).toEqual([
    ['1.0.0', 0],
    ['2.0.0', 1],
  ])
  expect(defaultSerializers).toSatisfy(Object.isFrozen)
})
