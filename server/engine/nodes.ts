/** Answers a question of another node; what comes back, or a promise of it, is JSON. */
export type Answer = (body: unknown) => unknown

/** The running nodes of a cluster, as one of them reaches the others. Bodies and answers are JSON. */
export interface Nodes {
  /**
   * Ask one node, this one among them. Undefined if it is gone: at once when nobody received the
   * question, else after `timeoutMs` milliseconds, default 5,000. Rejects with an EngineError when too
   * many questions wait for answers.
   */
  ask(nodeId: string, question: string, body: unknown, timeoutMs?: number): Promise<unknown>
  /** Tell one node something that needs no answer. */
  tell(nodeId: string, question: string, body: unknown): void
  /** Ask all others; the answers of those who gave one within `timeoutMs` milliseconds, default 1,000. */
  askAll(question: string, body: unknown, timeoutMs?: number): Promise<unknown[]>
  /** From now on answer a question here; the latest answer to a question counts. */
  answer(question: string, answer: Answer): void
}
