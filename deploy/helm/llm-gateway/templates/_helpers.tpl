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

{{- /* A probe: gRPC, or HTTPS where there is TLS. Wants `root`, `service` and `path`. */}}
{{- define "llm-gateway.probe" -}}
{{- if .root.Values.tls.secret -}}
httpGet: { port: http, path: {{ .path }}, scheme: HTTPS }
{{- else -}}
grpc:
  port: {{ .root.Values.ports.grpc }}
  {{- with .service }}
  service: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
