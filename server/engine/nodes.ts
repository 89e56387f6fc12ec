/** Handler of a question from a node of the cluster. Returns a JSON value or a promise of a JSON value. */
export type QuestionHandler = (body: unknown) => unknown

/** Questions between the nodes of a cluster. Bodies and answers are JSON. */
export interface Nodes {
  /**
   * Ask one node, which can be this node itself. Resolves with undefined if the node does not answer: immediately if no
   * process receives the question, otherwise after `timeoutMs` milliseconds (default 5,000). Rejects with an
   * EngineError if too many questions are waiting for answers.
   */
  ask(nodeId: string, question: string, body: unknown, timeoutMs?: number): Promise<unknown>
  /** Send one node a question without waiting for an answer. */
  tell(nodeId: string, question: string, body: unknown): void
  /** Ask all other nodes. Resolves with the answers that arrive within `timeoutMs` milliseconds (default 1,000). */
  askAll(question: string, body: unknown, timeoutMs?: number): Promise<unknown[]>
  /** Register the handler of a question on this node. Replaces an earlier handler of the same question. */
  answer(question: string, answer: QuestionHandler): void
}
