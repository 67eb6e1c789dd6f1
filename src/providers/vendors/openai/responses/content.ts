import { unsupported } from '../../../../domain/errors/error.ts'
import type { Part } from '../../../../domain/types.ts'
import type { JsonFields } from '../../json.ts'
import { fileName, urlOf } from '../content.ts'

/** https://platform.openai.com/docs/guides/images-vision https://platform.openai.com/docs/guides/pdf-files */
export function encodePart({ content }: Part, at: string): JsonFields {
  switch (content.case) {
    case 'image':
      return { type: 'input_image', image_url: urlOf(content.value), detail: 'auto' }
    case 'file': {
      const { source } = content.value
      if (source.case === 'url') return { type: 'input_file', file_url: source.value }
      return { type: 'input_file', filename: fileName(content.value), file_data: urlOf(content.value) }
    }
    case 'audio':
      throw unsupported(at, 'the API takes no sound')
    default:
      return { type: 'input_text', text: content.value ?? '' }
  }
}
