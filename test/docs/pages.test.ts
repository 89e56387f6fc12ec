import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { blocks, pages, root } from '../helpers/markdown.ts'

const read = (path: string): string => readFileSync(root + path, 'utf8')
const absent = (paths: string[]): string[] => paths.filter((path) => !existsSync(root + path))

it.each(pages)('%s links only to files that exist', (page) => {
  const links = read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)
  expect(absent(Array.from(links, ([, target = '']) => join(dirname(page), target)))).toEqual([])
})

it.each(pages)('%s links only to headings that exist', (page) => {
  const links = read(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)
  for (const [, target = '', anchor = ''] of links) {
    const headings = read(target === '' ? page : join(dirname(page), target)).matchAll(/^#+ (.*)$/gm)
    const anchors = Array.from(headings, ([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-'))
    expect(anchors).toContain(anchor)
  }
})

it.each(pages)('%s names only files that exist', (page) => {
  const names = read(page).matchAll(/`((?:protocol|server|client|test|bench|docs)\/[\w./-]*)`/g)
  expect(absent(Array.from(names, ([, name = '']) => name))).toEqual([])
})

it.each(blocks().filter(({ language }) => language === 'sh'))(
  '$page:$line runs only scripts that exist',
  (block) => {
    for (const [, script] of block.text.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:]+)/g)) {
      expect(packageJson.scripts).toHaveProperty([String(script)])
    }
  },
)

it('docs/dependencies.md has a sentence for each dependency', () => {
  const { dependencies, peerDependencies, devDependencies } = packageJson
  const sentences = read('docs/dependencies.md').replaceAll('`phoenix-1.3` to `phoenix-1.7`', '`phoenix-`')
  const names = Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies })
  const silent = names.filter((name) => !sentences.includes(`\`${name.replace(/(?<=^phoenix-).*/, '')}\``))
  expect(silent).toEqual([])
})

it('docs/dependencies.md has no sentence for other packages', () => {
  const { dependencies, peerDependencies, devDependencies } = packageJson
  const names = Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies })
  const bullets = Array.from(read('docs/dependencies.md').matchAll(/^- (.*?):/gm), ([, head = '']) => head)
  const described = bullets.flatMap((head) => Array.from(head.matchAll(/`(.+?)`/g), ([, name = '']) => name))
  expect(described.filter((name) => !names.includes(name))).toEqual([])
})
