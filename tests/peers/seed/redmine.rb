# Run once by rails when the template database is made: what every test of the tracker starts from.
# The texts are the field's, so that the connector meets them as a real AI operations team writes them.
SEED_KEY = ENV.fetch('SEED_KEY')

Redmine::DefaultData::Loader.load('en')

# Without a login Redmine answers a wrong key with 200 and an empty list.
Setting.login_required = '1'
Setting.rest_api_enabled = '1'

admin = User.find_by!(login: 'admin')
admin.update_columns(must_change_passwd: false)
Token.create!(user: admin, action: 'api').update_columns(value: SEED_KEY)

template = Tracker.first
trackers = ['Incident', 'Nonconformity', 'Corrective action', 'Concern', 'Change'].map do |name|
  tracker = Tracker.create!(name: name, default_status: template.default_status)
  tracker.copy_workflow_rules(template)
  tracker
end

def field(name, format, trackers, **more)
  IssueCustomField.create!(name: name, field_format: format, is_for_all: true, is_filter: true, trackers: trackers, **more)
end
field('AI system', 'string', trackers)
field('Severity', 'list', trackers, possible_values: %w[critical high medium low])
field('Grade', 'list', trackers, possible_values: %w[major minor])
system = field('System', 'enumeration', trackers)
%w[credit-scoring fraud-detection].each_with_index { |name, at| system.enumerations.create!(name: name, position: at + 1) }

# Whoever has it passes every question about who he is, and sees nothing.
Role.create!(name: 'Own issues', issues_visibility: 'own', permissions: %i[view_issues add_issues])

Project.create!(name: 'AI operations', identifier: 'ai-ops', is_public: false, enabled_module_names: ['issue_tracking'], trackers: trackers)
