import playground.models.fields
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('playground', '0005_token_scopes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='call',
            name='config',
            field=playground.models.fields.ExactJSONField(help_text='The endpoint as it was when the run began.'),
        ),
        migrations.AlterField(
            model_name='call',
            name='custom_outputs',
            field=playground.models.fields.ExactJSONField(help_text='What an agent gave beside its answer.', null=True),
        ),
        migrations.AlterField(
            model_name='call',
            name='overrides',
            field=playground.models.fields.ExactJSONField(default=dict, help_text='Parameters set for this column.'),
        ),
        migrations.AlterField(
            model_name='call',
            name='request',
            field=playground.models.fields.ExactJSONField(null=True),
        ),
        migrations.AlterField(
            model_name='call',
            name='response',
            field=playground.models.fields.ExactJSONField(null=True),
        ),
        migrations.AlterField(
            model_name='endpoint',
            name='params',
            field=playground.models.fields.ExactJSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='run',
            name='messages',
            field=playground.models.fields.ExactJSONField(help_text='As sent: roles and contents, variables filled in.'),
        ),
    ]
