import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { defineSocket } from '../../server/index.ts'
import { defaults } from '../../server/limits/config.ts'
import { resolveMount } from '../../server/transport/mount.ts'
import { root } from '../helpers/markdown.ts'

const page = readFileSync(`${root}docs/security.md`, 'utf8')
const socket = defineSocket({ connect: () => ({ ok: {} }) })
const { websocket, longpoll } = resolveMount('/socket', { socket, longpoll: true })

/** The options that are numbers, as the page names and writes them. */
function figures(group: string, options: object): [name: string, figure: string][] {
  return Object.entries(options).flatMap(([name, value]) =>
    typeof value === 'number' ? [[`${group}.${name}`, value.toLocaleString('en-US')]] : [],
  )
}

it('states the default of every limit', () => {
  const rows = Array.from(page.matchAll(/^\|[^|]*\| (`\w+\.\w+`[^|]*)\| ([^|]*)\|/gm))
  const listed = rows.flatMap(([, names = '', values = '']) => {
    const numbers = values.match(/[\d,]+/g) ?? []
    return Array.from(names.matchAll(/`(.*?)`/g), ([, name], index) => [name, numbers[index]])
  })
  expect(listed.sort()).toEqual(
    [
      ...figures('limits', defaults),
      ...figures('websocket', websocket ?? {}),
      ...figures('longpoll', longpoll ?? {}),
    ].sort(),
  )
})
