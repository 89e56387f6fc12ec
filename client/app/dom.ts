/** Find the element that matches the selector. @throws Error when index.html has no such element of this kind. */
export function find<T extends HTMLElement>(selector: string, kind: new () => T): T {
  const found = document.querySelector(selector)
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} ${selector}`)
  return found
}

/** Create an element. Strings become text, never HTML, because users typed some of the strings. */
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

/** Functions that turn the items of a list into elements. */
export type ListView<T> = {
  key(item: T): string
  create(item: T): HTMLElement
  /** Update the element of an item. Called for new elements and for elements that already exist. */
  update(child: HTMLElement, item: T): void
}

/**
 * Make the list's children show the items. An item that is still in the list keeps its element: otherwise focus and
 * selection would be lost.
 */
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
