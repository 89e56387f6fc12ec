import { expect, it } from 'vitest'
import { settings } from '../../server/app/settings.ts'

const INTRODUCTION = `# Settings of the chat

Environment variables, read once at startup. With an invalid value the app prints one line that names it, and exits.
\`npm start -- --help\` prints this list.
`

// To write the page anew: npx vitest run test/docs/settings.test.ts -u
it('lists all settings with their defaults, in the words of --help', async () => {
  const rows = settings.map(({ name, fallback, help }) => [
    `\`${name}\``,
    fallback === '' ? '–' : `\`${fallback}\``,
    help,
  ])
  const page = `${INTRODUCTION}\n${table(['setting', 'default', 'meaning'], rows)}\n`
  await expect(page).toMatchFileSnapshot('../../docs/settings.md')
})

/** A Markdown table whose columns are as wide as their longest cells. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, index) => Math.max(...[head, ...rows].map((row) => row[index]?.length ?? 0)))
  const line = (cells: string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n')
}
