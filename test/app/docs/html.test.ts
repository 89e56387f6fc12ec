import { expect, test } from 'vitest'
import { html, type Value } from '../../../server/app/docs/html.ts'

test.each<[string, Value, string]>([
  ['text', `a & b < c > d " e ' f`, 'a &amp; b &lt; c &gt; d &quot; e &#39; f'],
  ['a number', 0, '0'],
  ['false', false, ''],
  ['HTML', html`<b>${'<'}</b>`, '<b>&lt;</b>'],
  ['a list of both', ['<', html`<br />`, [1]], '&lt;<br />1'],
  ['what looks like a pattern of a replacement', '$& $1', '$&amp; $1'],
])('%s in a template', (_what, value, written) => {
  expect(html`<p>${value}</p>`.text).toBe(`<p>${written}</p>`)
})

test('a template may contain backslashes and special characters', () => {
  expect(html`\\d ${'x'}\n`.text).toBe('\\d x\n')
})
