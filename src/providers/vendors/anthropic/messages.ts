import { unsupported } from '../../../domain/errors/error.ts'
import { type Message, type Part, type Reasoning, Role, type ToolCall } from '../../../domain/types.ts'
import { isObject, parseJson } from '../json.ts'
import { leaveOutSignatures } from '../signature.ts'
import { type Block, blockJson, cacheMark, isBlank, limitMarks, textBlock } from './blocks.ts'
import { CallIds } from './call-ids.ts'
import { documentFields, imageFields } from './media.ts'
import type { ModelTraits } from './models.ts'
import { isOwn } from './thinking.ts'

type LeaveOut = (field: string, why: string) => void

/** The conversation as JSON texts. */
export interface Conversation {
  readonly messages: string
  /** Undefined without system messages. */
  readonly system: string | undefined
  /** Whether the conversation ends with a response that the model should continue. */
  readonly isBegun: boolean
}

/** Consecutive messages of one side. Results of tool calls belong to the user and come first. */
interface Turn {
  readonly role: 'user' | 'assistant'
  readonly results: Block[]
  readonly blocks: Block[]
}

/**
 * Encodes the conversation for the vendor. Throws UNSUPPORTED for content that the vendor cannot carry.
 *
 * | ours | the vendor's |
 * |---|---|
 * | system and developer | `system`, wherever they speak; without anyone else they speak as the user |
 * | messages of one side in a row | one turn |
 * | results of tool calls | at the beginning of the user's turn |
 * | names of participants | left out |
 * | reasoning | `thinking` where it is signed, `redacted_thinking`; what no other vendor could check is passed over |
 * | ids and names of tool calls | what the vendor does not take in them is replaced |
 * | blank texts | passed over, and so are messages without content |
 *
 * https://platform.claude.com/docs/en/api/messages/create
 */
export function encodeMessages(
  messages: readonly Message[],
  { prefill }: ModelTraits,
  leaveOut: LeaveOut,
): Conversation {
  const encoder = new MessageEncoder()
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`
    warnOfLosses(message, at, leaveOut)
    encoder.add(message, at)
  }
  const { system, turns } = encoder.conversation()
  const last = turns.at(-1)
  if (!last) throw unsupported('messages', 'the target needs a message with content')
  const isBegun = last.role === 'assistant'
  if (isBegun && !prefill) {
    throw unsupported(`messages[${messages.length - 1}]`, 'the target does not continue an answer that is begun')
  }
  if (isBegun) trimEnd(last)
  limitMarks([...system, ...turns.flatMap(blocksOf)], leaveOut)
  return {
    messages: `[${turns.map((turn) => `{"role":"${turn.role}","content":${listJson(blocksOf(turn))}}`).join(',')}]`,
    system: system.length > 0 ? listJson(system) : undefined,
    isBegun,
  }
}

function warnOfLosses({ role, name, parts, reasoning, toolCalls }: Message, at: string, leaveOut: LeaveOut): void {
  if (name !== '' && role !== Role.TOOL) leaveOut(`${at}.name`, 'the vendor has no names of participants')
  for (const [index, { signature, redacted }] of reasoning.entries()) {
    const secret = redacted || signature
    if (secret !== '' && !isOwn(secret)) {
      leaveOut(`${at}.reasoning[${index}]`, 'only the vendor that wrote it can read it')
    }
  }
  leaveOutSignatures(parts, `${at}.parts`, leaveOut)
  leaveOutSignatures(toolCalls, `${at}.tool_calls`, leaveOut)
}

function blocksOf({ results, blocks }: Turn): Block[] {
  return [...results, ...blocks]
}

function listJson(blocks: readonly Block[]): string {
  return `[${blocks.map(blockJson).join(',')}]`
}

/** A response that the model should continue must not end in white space. */
function trimEnd({ blocks }: Turn): void {
  const last = blocks.at(-1)
  const text = last?.fields['text']
  if (last && typeof text === 'string') blocks[blocks.length - 1] = { ...last, ...textBlock(text.trimEnd()) }
}

/** Encodes messages in their order: the ids of tool calls depend on those before them. */
class MessageEncoder {
  readonly #system: Block[] = []
  readonly #turns: Turn[] = []
  readonly #callIds = new CallIds()

  add(message: Message, at: string): void {
    switch (message.role) {
      case Role.SYSTEM:
      case Role.DEVELOPER:
        this.#system.push(...contentBlocks(message, at, textOnly))
        break
      case Role.ASSISTANT:
        this.#addTo('assistant', 'blocks', this.#assistant(message, at))
        break
      case Role.TOOL:
        this.#addTo('user', 'results', [this.#result(message, at)])
        break
      default:
        this.#addTo('user', 'blocks', contentBlocks(message, at, anyMedia))
    }
  }

  conversation(): { readonly system: readonly Block[]; readonly turns: readonly Turn[] } {
    if (this.#turns.length > 0) return { system: this.#system, turns: this.#turns }
    this.#addTo('user', 'blocks', this.#system)
    return { system: [], turns: this.#turns }
  }

  #addTo(role: Turn['role'], place: 'results' | 'blocks', blocks: readonly Block[]): void {
    if (blocks.length === 0) return
    let turn = this.#turns.at(-1)
    if (turn?.role !== role) {
      turn = { role, results: [], blocks: [] }
      this.#turns.push(turn)
    }
    turn[place].push(...blocks)
  }

  #assistant(message: Message, at: string): Block[] {
    return [
      ...message.reasoning.flatMap(thinkingBlock),
      ...contentBlocks(message, at, ownWords),
      ...(isBlank(message.refusal) ? [] : [textBlock(message.refusal)]),
      ...message.toolCalls.map((call) => this.#call(call)),
    ]
  }

  #call({ id, name, arguments: text }: ToolCall): Block {
    return {
      fields: { type: 'tool_use', id: this.#callIds.next(id), name: toolName(name) },
      texts: { input: inputJson(text) },
    }
  }

  /** Parts of a result cannot be cached, only the whole result. */
  #result(message: Message, at: string): Block {
    const blocks = contentBlocks(message, at, anyMedia)
    const mark = blocks.findLast((block) => block.mark)?.mark
    const content = blocks.map((block) => ({ ...block, mark: undefined }))
    return {
      fields: { type: 'tool_result', tool_use_id: this.#callIds.of(message.toolCallId) },
      ...(content.length > 0 && { texts: { content: listJson(content) } }),
      ...(mark && { mark }),
    }
  }
}

/**
 * Thinking is sent back unchanged; its text is empty if the vendor did not reveal it.
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
function thinkingBlock({ text, signature, redacted }: Reasoning): Block[] {
  if (isOwn(redacted)) return [{ fields: { type: 'redacted_thinking', data: redacted } }]
  return isOwn(signature) ? [{ fields: { type: 'thinking', thinking: text, signature } }] : []
}

/** Encodes the content of a part; undefined if it is empty. */
type EncodeMedia = (content: Part['content'], at: string) => Block | undefined

function anyMedia(content: Part['content'], at: string): Block | undefined {
  if (content.case === 'image') return { fields: imageFields(content.value, at) }
  if (content.case === 'file') return { fields: documentFields(content.value, at) }
  throw unsupported(at, 'the target takes no sound')
}

function textOnly(_content: Part['content'], at: string): Block | undefined {
  throw unsupported(at, 'the target takes only text here')
}

/** Transcript of a sound that another vendor's model made. */
function ownWords({ case: kind, value }: Part['content'], at: string): Block | undefined {
  if (kind !== 'audio' || value.transcript === '') {
    throw unsupported(at, 'the target takes only text in an earlier answer')
  }
  return isBlank(value.transcript) ? undefined : textBlock(value.transcript)
}

/** The text of a response is separate from its parts when these are all media. */
function contentBlocks({ content, parts }: Message, at: string, encodeMedia: EncodeMedia): Block[] {
  const beside = parts.some((part) => part.content.case === 'text') ? '' : content
  const blocks = isBlank(beside) ? [] : [textBlock(beside)]
  for (const [index, part] of parts.entries()) {
    const place = `${at}.parts[${index}]`
    const block = part.content.case === 'text' ? wordsOf(part.content.value) : encodeMedia(part.content, place)
    if (block) blocks.push(block)
    // A mark on a text that is left out ends the same prefix as the block before it.
    const marked = blocks.at(-1)
    const mark = cacheMark(part, place)
    if (marked && mark) marked.mark = mark
  }
  return blocks
}

function wordsOf(text: string): Block | undefined {
  return isBlank(text) ? undefined : textBlock(text)
}

/** Replaces characters of a name that only another vendor takes. It belongs to a past call; no new call can use it. */
function toolName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 128)
}

/**
 * The vendor requires an object. Other arguments, for example of a response that was cut off, are wrapped as it
 * advises:
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
 */
function inputJson(text: string): string {
  if (text === '') return '{}'
  return isObject(parseJson(text)) ? text : JSON.stringify({ INVALID_JSON: text })
}
