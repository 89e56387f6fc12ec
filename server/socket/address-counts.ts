/** Counts by address; an address that has nothing is forgotten. Without an address nothing is counted. */
export class AddressCounts {
  readonly #counts: Map<string, number>

  constructor() {
    this.#counts = new Map()
  }

  of(address: string | null): number {
    return address === null ? 0 : (this.#counts.get(address) ?? 0)
  }

  add(address: string | null, change: number): void {
    if (address === null || change === 0) return
    const count = this.of(address) + change
    if (count > 0) this.#counts.set(address, count)
    else this.#counts.delete(address)
  }
}
