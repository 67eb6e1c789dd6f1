import { type Message, Role } from '../../../domain/types.ts'

const names: Readonly<Record<number, string>> = {
  [Role.USER]: 'User',
  [Role.ASSISTANT]: 'Assistant',
  [Role.TOOL]: 'Result of a tool',
}

/** What was said in some messages, as text. Images, sounds and files are only mentioned, reasoning is left out. */
export function transcriptOf(messages: readonly Message[]): string {
  return messages.map(said).join('')
}

function said(message: Message): string {
  const { role, name, toolCalls } = message
  const who = `${names[role] ?? 'Other'}${name ? ` (${name})` : ''}`
  const words = contentOf(message)
  const calls = toolCalls.map((call) => `${who} calls the tool ${call.name}: ${call.arguments}\n\n`)
  return `${words === '' ? '' : `${who}: ${words}\n\n`}${calls.join('')}`
}

function contentOf({ content, parts, refusal }: Message): string {
  const pieces = parts.length === 0 ? [content] : parts.map((part) => partText(part.content))
  return [...pieces, refusal].filter((piece) => piece !== '').join('\n')
}

function partText(content: Message['parts'][number]['content']): string {
  switch (content.case) {
    case 'text':
      return content.value
    case 'image':
    case 'audio':
    case 'file':
      return `[${content.case}${content.value.name ? ` ${content.value.name}` : ''}]`
    case undefined:
      return ''
    default:
      return content satisfies never
  }
}
