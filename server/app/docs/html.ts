/** HTML as it is sent, which needs no escaping any more. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What may stand in a template: text is escaped, lists are joined, `false` is nothing. */
export type Value = Html | string | number | false | readonly Value[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template of HTML; whatever stands in it is text, unless it is `Html` itself. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(write)))
}

function write(value: Value): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(write).join('')
  return value === false ? '' : String(value).replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char)
}
