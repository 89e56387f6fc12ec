/** The element that the selector finds. @throws Error when index.html has none of this kind. */
export function find<T extends HTMLElement>(selector: string, kind: new () => T): T {
  const found = document.querySelector(selector)
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} ${selector}`)
  return found
}

/** A new element. Strings become text, never HTML: some of them were typed by users. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag)
  node.className = className
  node.append(...children)
  return node
}

/** How a list shows its items. */
export type ListView<T> = {
  key(item: T): string
  create(item: T): HTMLElement
  /** Bring an element up to date, a new one as well as one that stays. */
  update(child: HTMLElement, item: T): void
}

/** Make the list's children show the items. What stays keeps its element, so focus and selection stay too. */
export function showList<T>(list: HTMLElement, items: readonly T[], view: ListView<T>): void {
  const keys = new Set(items.map((item) => view.key(item)))
  const kept = new Map<string, HTMLElement>()
  for (const child of list.querySelectorAll<HTMLElement>(':scope > [data-key]')) {
    const key = child.dataset['key'] ?? ''
    if (keys.has(key)) kept.set(key, child)
    else child.remove()
  }
  items.forEach((item, index) => {
    const key = view.key(item)
    const child = kept.get(key) ?? view.create(item)
    child.dataset['key'] = key
    view.update(child, item)
    const occupant = list.children[index] ?? null
    if (occupant !== child) list.insertBefore(child, occupant)
  })
}
