import { expect, test } from 'vitest'
import { Room } from '../../../server/app/contracts/room.ts'
import { type OpenApi, reference } from '../../../server/app/docs/reference.ts'
import { asyncApi } from '../../../server/index.ts'

const info = { title: 'A & B', version: '2.0.0' }
const openApi: OpenApi = {
  info,
  tags: [{ name: 'things', description: 'All <things>' }],
  paths: {
    '/things/{id}': {
      get: { tags: ['things'], summary: 'One' },
      delete: { tags: ['things'], security: [{}] },
    },
    '/hidden': { get: { tags: ['other'] } },
  },
  components: { schemas: { Thing: { type: 'object' } } },
}
const page = reference(openApi, asyncApi({ ...info, contracts: [Room] }))

test('shows the operations of the tags, the shared schemas and the channels', () => {
  for (const heading of ['GET /things/{id}', 'DELETE /things/{id}', 'Thing', 'room:{subtopic}', 'things']) {
    expect(page).toMatch(new RegExp(`<h[23][^>]*>(<code>)?${heading.replace(/[{}]/g, '\\$&')}<`))
  }
  expect(page).not.toContain('/hidden')
})

test('says which operations need the token', () => {
  const operations = page.split('<section')
  expect(operations.filter((text) => text.includes('It needs the API token'))).toHaveLength(1)
  expect(operations.find((text) => text.includes('It needs the API token'))).toContain('DELETE /things/{id}')
})

test('every link within it leads somewhere, and no id is there twice', () => {
  const ids = Array.from(page.matchAll(/ id="([^"]+)"/g), ([, id]) => id)
  const targets = Array.from(page.matchAll(/href="#([^"]+)"/g), ([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(targets.filter((id) => !ids.includes(id))).toEqual([])
})

test('has no script and no style of its own, and all text is escaped', () => {
  expect(page).not.toMatch(/<script|<style|style=|javascript:/)
  expect(page).toContain('A &amp; B')
  expect(page).toContain('All &lt;things&gt;')
})
