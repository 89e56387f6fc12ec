/** Handler of a question of another node. Returns JSON, or a promise of it. */
export type QuestionHandler = (body: unknown) => unknown

/** Questions between the nodes of a cluster. Bodies and answers are JSON. */
export interface Nodes {
  /**
   * Ask one node, which may be this node. Resolves with undefined if that node is dead: at once if no process receives
   * the question, otherwise after `timeoutMs` milliseconds (default 5,000). Rejects with an EngineError if too many
   * questions are waiting for answers.
   */
  ask(nodeId: string, question: string, body: unknown, timeoutMs?: number): Promise<unknown>
  /** Send one node a question without waiting for an answer. */
  tell(nodeId: string, question: string, body: unknown): void
  /** Ask all other nodes. Resolves with the answers that arrive within `timeoutMs` milliseconds (default 1,000). */
  askAll(question: string, body: unknown, timeoutMs?: number): Promise<unknown[]>
  /** Register the handler of a question on this node. A later handler replaces it. */
  answer(question: string, answer: QuestionHandler): void
}
