import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { defineSocket } from '../../server/index.ts'
import { defaults } from '../../server/limits/config.ts'
import { drainerDefaults } from '../../server/limits/drainer.ts'
import { resolveOptions } from '../../server/redis/options.ts'
import { resolveMount } from '../../server/transport/mount.ts'
import { root } from '../helpers/markdown.ts'

const NOUNS = '[A-Z]?\\w+(?:, \\w+ and \\w+| and \\w+)*(?: a second)?'
/** Where a comment states the unit: `Maximum number of joins a second …`, `Maximum size, in bytes, …`, `Milliseconds …`. */
const UNITS = [
  new RegExp(`^Maximum number of (${NOUNS})`),
  /^Maximum [^.]*?, in (\w+)\b/,
  new RegExp(`^((?:Unread )?${NOUNS})\\b`),
]

const INTRODUCTION = `# Options

Every option with its type, unit and default. A required option has \`–\` as its default. This page is generated
from the doc comments of the types.
`

/** A table of the page: the type or constant that declares the options, and their defaults in the code if it has them. */
type Section = {
  readonly title: string
  readonly text: string
  readonly file: string
  readonly name: string
  readonly values?: object
  /** Options that the plugin sets itself. */
  readonly without?: string
}

const socket = defineSocket({ connect: () => ({ ok: {} }) })
const mount = resolveMount('/socket', { socket, longpoll: true })
const sections: readonly Section[] = [
  {
    title: 'Plugin',
    text: '`app.register(phoenix, { … })`',
    file: 'server/plugin.ts',
    name: 'PhoenixOptions',
  },
  {
    title: 'Endpoint',
    text: 'Also options of the plugin.',
    file: 'server/endpoint/endpoint-options.ts',
    name: 'EndpointOptions',
    without: 'logger',
  },
  {
    title: 'Mount',
    text: "`sockets: { '/socket': { socket: UserSocket, … } }`",
    file: 'server/transport/mount.ts',
    name: 'MountOptions',
  },
  {
    title: 'WebSocket',
    text: '`websocket: { … }` of a mount',
    file: 'server/transport/mount.ts',
    name: 'WebSocketOptions',
    values: mount.websocket ?? {},
  },
  {
    title: 'Long-poll',
    text: '`longpoll: { … }` of a mount',
    file: 'server/transport/mount.ts',
    name: 'LongPollOptions',
    values: mount.longpoll ?? {},
  },
  {
    title: 'Drainer',
    text: '`drainer: { … }` of a mount',
    file: 'server/limits/drainer.ts',
    name: 'DrainerOptions',
    values: drainerDefaults,
  },
  {
    title: 'Limits',
    text: '`limits: { … }` of the plugin; [the guide](guide.md#limits) lists the errors that a client receives.',
    file: 'server/limits/config.ts',
    name: 'defaults',
    values: defaults,
  },
  {
    title: 'Presence',
    text: '`definePresence(contract, { … })`',
    file: 'server/presence/define-presence.ts',
    name: 'PresenceOptions',
  },
  {
    title: 'Supervisor',
    text: '`new Supervisor({ … })`',
    file: 'server/supervisor/supervisor.ts',
    name: 'SupervisorOptions',
  },
  {
    title: 'Supervised worker',
    text: '`supervisor.startChild({ worker, … })`',
    file: 'server/supervisor/child.ts',
    name: 'WorkerSpec',
  },
  {
    title: 'Supervised supervisor',
    text: '`supervisor.startChild({ supervisor, … })`',
    file: 'server/supervisor/child.ts',
    name: 'SupervisorSpec',
  },
  {
    title: 'Redis engine',
    text: '`new RedisEngine({ … })`',
    file: 'server/redis/options.ts',
    name: 'RedisEngineOptions',
    values: resolveOptions({}),
  },
  {
    title: 'Emitter',
    text: '`new Emitter({ … })`; also takes the options of the Redis engine.',
    file: 'server/emitter/emitter.ts',
    name: 'EmitterOptions',
  },
]

/** An option as its doc comment and its type describe it. */
type Option = {
  readonly name: string
  readonly type: string
  readonly unit: string
  /** Null if its comment names none. */
  readonly fallback: string | null
  readonly isRequired: boolean
  readonly text: string
}

/** Types that are a choice of words are written out. */
const words = new Map(
  ['server/endpoint/gap.ts', 'server/supervisor/child.ts', 'server/supervisor/supervisor.ts'].flatMap(
    (file) =>
      Array.from(
        readFileSync(root + file, 'utf8').matchAll(/^export type (\w+) = ('[^\n]+')$/gm),
        ([, name = '', type = '']): [string, string] => [name, type],
      ),
  ),
)

const tables = sections.map((section) => ({ ...section, options: optionsOf(section) }))
const all = tables.flatMap(({ title, options }) => options.map((option) => ({ title, ...option })))

// To write the page anew: npx vitest run --project quick test/docs/options.test.ts -u
it('lists all options, with the text of their doc comments', async () => {
  const parts = tables.map(({ title, text, options }) => {
    const rows = options.map(({ name, type, unit, fallback, text: sentence }) => [
      `\`${name}\``,
      `\`${type.replaceAll('|', '\\|')}\``,
      unit,
      fallback ?? '–',
      sentence,
    ])
    return `## ${title}\n\n${text}\n\n${table(['option', 'type', 'unit', 'default', 'meaning'], rows)}\n`
  })
  await expect(`${INTRODUCTION}\n${parts.join('\n')}`).toMatchFileSnapshot('../../docs/options.md')
})

it('has a sentence for each option', () => {
  expect(all.filter(({ text }) => !/^[A-Z].*[.)]$/.test(text))).toEqual([])
})

it('has a default for each optional option, and for no other', () => {
  expect(all.filter(({ fallback, isRequired }) => (fallback === null) !== isRequired)).toEqual([])
})

it('has a unit for each number', () => {
  expect(all.filter(({ type, unit }) => type.startsWith('number') && unit === '')).toEqual([])
})

it.each(tables.filter(({ values }) => values !== undefined))(
  'gives the same defaults as the code: $title',
  ({ options, values }) => {
    const stated = options.flatMap(({ name, type, fallback }) =>
      type === 'number' ? [[name, fallback]] : [],
    )
    const actual = Object.entries(values ?? {}).flatMap(([name, value]) =>
      typeof value === 'number' ? [[name, value.toLocaleString('en')]] : [],
    )
    expect(new Map(stated as [])).toEqual(new Map(actual as []))
  },
)

/** The options that a type, or the constant of defaults, declares. */
function optionsOf({ file, name, values, without }: Section): Option[] {
  const source = ts.createSourceFile(file, readFileSync(root + file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Option[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node) || ts.isPropertyAssignment(node)) found.push(optionOf(node, values))
    // The options of an option have a table of their own.
    else if (!ts.isTypeReferenceNode(node) || node.typeName.getText() === name) ts.forEachChild(node, visit)
  }
  for (const statement of source.statements) {
    if (ts.isTypeAliasDeclaration(statement) && statement.name.text === name) visit(statement.type)
    if (!ts.isVariableStatement(statement)) continue
    const [declaration] = statement.declarationList.declarations
    if (declaration?.name.getText() === name) visit(declaration)
  }
  // A conditional type may declare an option twice: the first says when it is required.
  return found.filter(
    (option, index) =>
      option.name !== without && found.findIndex(({ name }) => name === option.name) === index,
  )
}

function optionOf(node: ts.PropertySignature | ts.PropertyAssignment, values: object | undefined): Option {
  const name = node.name.getText()
  const comment = ts.getJSDocCommentsAndTags(node).map(({ comment }) => String(comment ?? ''))
  const [text = '', ...rest] = comment.join(' ').replace(/\s+/g, ' ').split(' Default: ')
  const isConstant = ts.isPropertyAssignment(node)
  const value: unknown = Object.entries(values ?? {}).find(([key]) => key === name)?.[1]
  const type = isConstant ? 'number' : (node.type?.getText() ?? '')
  const fallback = isConstant ? Number(value).toLocaleString('en') : (rest[0]?.replace(/\.$/, '') ?? null)
  return {
    name,
    type: words.get(type) ?? oneLine(type),
    unit: type.startsWith('number') ? unitOf(text) : '',
    fallback,
    isRequired: !isConstant && node.questionToken === undefined,
    text,
  }
}

/** A type on one line, without `readonly` and comments. */
function oneLine(type: string): string {
  const members = type.replace(/\s*\/\*\*.*?\*\/\s*/gs, '; ')
  return members.replace(/\s+/g, ' ').replace(/\breadonly /g, '')
}

/** A number's unit, as its comment states it. */
function unitOf(text: string): string {
  const [unit = ''] = UNITS.flatMap((pattern) => pattern.exec(text)?.[1] ?? [])
  return unit
    .toLowerCase()
    .replace('milliseconds', 'ms')
    .replace(/^seconds$/, 's')
}

/** A Markdown table whose columns are as wide as their longest cells. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, index) => Math.max(...[head, ...rows].map((row) => row[index]?.length ?? 0)))
  const line = (cells: string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n')
}
