{{- define "llm-gateway.name" -}}
{{- if contains "llm-gateway" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-llm-gateway{{ end -}}
{{- end }}

{{- define "llm-gateway.selector" -}}
app.kubernetes.io/name: llm-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "llm-gateway.labels" -}}
{{ include "llm-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "llm-gateway.secret" -}}
{{ .Values.secret.existing | default (include "llm-gateway.name" .) }}
{{- end }}
