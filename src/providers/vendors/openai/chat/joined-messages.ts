type Fields = Record<string, unknown>

/**
 * The messages with each run of messages of the user as one, for vendors that refuse a conversation in which the roles do
 * not alternate. Messages of participants with different names stay apart.
 */
export function joinedUserMessages(messages: readonly Fields[]): Fields[] {
  const joined: Fields[] = []
  for (const message of messages) {
    const before = joined.at(-1)
    if (before && isRun(before, message)) joined[joined.length - 1] = together(before, message)
    else joined.push(message)
  }
  return joined
}

function isRun(before: Fields, message: Fields): boolean {
  return before['role'] === 'user' && message['role'] === 'user' && before['name'] === message['name']
}

function together(before: Fields, message: Fields): Fields {
  const contents = [before['content'], message['content']]
  const isText = contents.every((content) => typeof content === 'string')
  return { ...before, content: isText ? contents.join('\n\n') : contents.flatMap(partsOf) }
}

function partsOf(content: unknown): unknown[] {
  return Array.isArray(content) ? content : [{ type: 'text', text: content }]
}
