<?php
/**
 * The event settings on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Events\Base_Source;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Forms\Form_Plugin;
use Relay_Connector\Events\Leads;
use Relay_Connector\Events\Sensitive_Fields;

defined( 'ABSPATH' ) || exit;

/**
 * One row of the settings page for each event source on this site: whether its events are sent, and with which fields.
 */
final class Event_Settings_Section {

	/**
	 * A longer list of forms scrolls within the page.
	 */
	const SHORT_LIST = 12;

	/**
	 * The page must not become slow on a site with hundreds of forms.
	 */
	const LONGEST_SEARCH_S = 0.5;

	/**
	 * What the admin has chosen.
	 *
	 * @var Event_Choices
	 */
	private $choices;

	/**
	 * When the search in the fields of forms ends, in Unix seconds.
	 *
	 * @var float
	 */
	private $search_until = 0.0;

	/**
	 * The checkboxes on the page, as "group=name".
	 *
	 * @var string[]
	 */
	private $shown = array();

	/**
	 * The event sources.
	 *
	 * @var Base_Source[]
	 */
	private $sources;

	/**
	 * Takes the choices and the event sources.
	 *
	 * @param Event_Choices $choices What the admin has chosen.
	 * @param Base_Source[] $sources The event sources.
	 */
	public function __construct( Event_Choices $choices, array $sources ) {
		$this->choices = $choices;
		$this->sources = $sources;
	}

	/**
	 * Adds the rows to the settings page and registers the page for the fields of a form.
	 */
	public function add_hooks() {
		add_action( 'relay_connector_settings_rows', array( $this, 'render' ) );
		foreach ( $this->sources as $source ) {
			if ( $source instanceof Leads ) {
				( new Form_Fields_Page( $this->choices, $source ) )->add_hooks();
			}
		}
	}

	/**
	 * The rows.
	 */
	public function render() {
		$missing     = array();
		$this->shown = array();
		foreach ( $this->sources as $source ) {
			if ( $source->is_available() ) {
				$this->render_source( $source );
			}
			$missing = array_merge( $missing, $source->missing() );
		}
		if ( $missing ) {
			$this->render_missing( $missing );
		}
		?>
		<tr class="relay-connector-hidden"><td colspan="2"><input type="hidden" name="<?php echo esc_attr( Event_Choices::OPTION ); ?>[submitted]" value="<?php echo esc_attr( implode( "\n", $this->shown ) ); ?>"></td></tr>
		<?php
	}

	/**
	 * Prints the row of one event source.
	 *
	 * @param Base_Source $source The event source.
	 */
	private function render_source( Base_Source $source ) {
		?>
		<tr>
			<th scope="row"><?php echo esc_html( $source->label() ); ?></th>
			<td>
				<fieldset>
					<legend class="screen-reader-text"><?php echo esc_html( $source->label() ); ?></legend>
					<?php $this->render_checkbox( 'sources', $source->slug(), $this->choices->is_enabled( $source->slug() ), __( 'Send these events', 'relay-connector' ) ); ?>
					<p class="description"><?php echo esc_html( $source->help() ); ?></p>
					<?php
					foreach ( $source->own_options() as $option => $label ) {
						$this->render_own_option( $option, $label );
					}
					$this->render_fields( $source );
					if ( $source instanceof Leads ) {
						$this->render_forms( $source );
					}
					?>
				</fieldset>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints the checkbox of a source's further option.
	 *
	 * @param string $option The option.
	 * @param string $label  The label.
	 */
	private function render_own_option( $option, $label ) {
		?>
		<p>
			<label for="<?php echo esc_attr( $option ); ?>">
				<input type="checkbox" id="<?php echo esc_attr( $option ); ?>" name="<?php echo esc_attr( $option ); ?>" value="1" <?php checked( (bool) get_option( $option, false ) ); ?>>
				<?php echo esc_html( $label ); ?>
			</label>
		</p>
		<?php
	}

	/**
	 * Prints the fields of an event source that can be switched off.
	 *
	 * @param Base_Source $source The event source.
	 */
	private function render_fields( Base_Source $source ) {
		$fields = $source->optional_fields();
		if ( ! $fields ) {
			return;
		}
		?>
		<p class="relay-connector-subhead"><?php esc_html_e( 'With these fields:', 'relay-connector' ); ?></p>
		<div class="relay-connector-checkboxes">
			<?php
			foreach ( $fields as $field => $label ) {
				$this->render_checkbox( 'fields', $source->slug() . '.' . $field, $this->choices->sends_field( $source->slug(), $field ), $label );
			}
			?>
		</div>
		<?php
	}

	/**
	 * Prints the forms of every form plugin.
	 *
	 * @param Leads $leads The source of form entries.
	 */
	private function render_forms( Leads $leads ) {
		$this->search_until = microtime( true ) + self::LONGEST_SEARCH_S;
		foreach ( $leads->plugins() as $plugin ) {
			if ( $plugin->is_active() ) {
				$this->render_forms_of( $plugin, $leads );
			}
		}
		?>
		<p class="relay-connector-subhead"><?php esc_html_e( 'Other forms', 'relay-connector' ); ?></p>
		<?php
		$this->render_checkbox( '', 'new_forms', $this->choices->sends_new_forms(), __( 'Also send entries of new forms and of forms not listed here', 'relay-connector' ) );
		?>
		<p><a href="<?php echo esc_url( Other_Forms_Page::url() ); ?>"><?php esc_html_e( 'My form plugin is not listed', 'relay-connector' ); ?></a></p>
		<?php
	}

	/**
	 * Prints the forms of one form plugin. A long list scrolls within the page.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param Leads       $leads  The source of form entries.
	 */
	private function render_forms_of( Form_Plugin $plugin, Leads $leads ) {
		$forms = $plugin->safe_forms();
		?>
		<p class="relay-connector-subhead">
			<?php
			echo esc_html( $plugin->name() );
			if ( count( $forms ) > self::SHORT_LIST ) {
				/* translators: %s: number of forms. */
				echo ' ', esc_html( sprintf( _n( '(%s form)', '(%s forms)', count( $forms ), 'relay-connector' ), number_format_i18n( count( $forms ) ) ) );
			}
			?>
		</p>
		<?php
		if ( ! $plugin->is_on_by_default() ) {
			/* translators: %s: name of a form plugin. */
			$this->render_checkbox( 'plugins', $plugin->slug(), $leads->sends_plugin( $plugin ), sprintf( __( 'Send entries of %s', 'relay-connector' ), $plugin->name() ) );
		}
		if ( ! $forms && $plugin->is_on_by_default() ) {
			?>
			<p class="description"><?php esc_html_e( 'No forms yet. New forms appear here.', 'relay-connector' ); ?></p>
			<?php
		}
		?>
		<div class="<?php echo esc_attr( count( $forms ) > self::SHORT_LIST ? 'relay-connector-long-list' : '' ); ?>">
			<?php
			foreach ( $forms as $id => $title ) {
				$this->render_form( $plugin, $id, '' === $title ? $plugin->title_of( $id ) : $title );
			}
			?>
		</div>
		<?php
	}

	/**
	 * Prints one form.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param string|int  $id     The form's id.
	 * @param string      $title  Its title.
	 */
	private function render_form( Form_Plugin $plugin, $id, $title ) {
		$form  = $plugin->slug() . ':' . $id;
		$names = $this->choices->sends_form( $form ) ? $this->held_fields( $plugin, $id, $form ) : array();
		?>
		<div class="relay-connector-form">
			<?php $this->render_checkbox( 'forms', $form, $this->choices->sends_form( $form ), $title ); ?>
			<a href="<?php echo esc_url( Form_Fields_Page::url( $form ) ); ?>"><?php echo esc_html( $this->fields_link( $form ) ); ?><span class="screen-reader-text"> <?php echo esc_html( $title ); ?></span></a>
			<?php if ( $names ) : ?>
				<span class="relay-connector-warning">
					<span class="dashicons dashicons-warning" aria-hidden="true"></span>
					<?php
					/* translators: %s: names of fields. */
					echo esc_html( sprintf( __( 'Not sent until you select it, because the name suggests a password, a payment card or a bank account: %s', 'relay-connector' ), implode( ', ', $names ) ) );
					?>
				</span>
			<?php endif; ?>
		</div>
		<?php
	}

	/**
	 * The fields of a form that are not sent because of their names. On a site with very many forms, the search ends before
	 * the last form: the page of each form shows them too.
	 *
	 * @param Form_Plugin $plugin The form plugin.
	 * @param string|int  $id     The form's id.
	 * @param string      $form   The form, as "plugin:id".
	 * @return string[] Their labels.
	 */
	private function held_fields( Form_Plugin $plugin, $id, $form ) {
		$names = array();
		if ( microtime( true ) > $this->search_until ) {
			return $names;
		}
		try {
			foreach ( $plugin->fields( (string) $id ) as $field ) {
				if ( ! $field->is_never_sent() && Sensitive_Fields::is_sensitive( $field ) && ! $this->choices->sends( $form, $field ) && $this->choices->sends_form_field( $form, $field->key ) ) {
					$names[] = $field->label;
				}
			}
		} catch ( \Throwable $error ) {
			return array();
		}
		return $names;
	}

	/**
	 * The text of the link to a form's fields.
	 *
	 * @param string $form The form, as "plugin:id".
	 * @return string
	 */
	private function fields_link( $form ) {
		$count = count( $this->choices->excluded_fields( $form ) );
		return $count
			/* translators: %s: number of fields. */
			? sprintf( _n( 'Choose fields (%s excluded)', 'Choose fields (%s excluded)', $count, 'relay-connector' ), number_format_i18n( $count ) )
			: __( 'Choose fields', 'relay-connector' );
	}

	/**
	 * Prints the plugins that are supported but not active on this site.
	 *
	 * @param string[] $names Their names.
	 */
	private function render_missing( array $names ) {
		?>
		<tr>
			<th scope="row"><?php esc_html_e( 'Not active on this site', 'relay-connector' ); ?></th>
			<td>
				<p class="description">
					<?php
					/* translators: %s: names of plugins. */
					echo esc_html( sprintf( __( 'These appear here once they are active: %s.', 'relay-connector' ), implode( ', ', $names ) ) );
					?>
				</p>
			</td>
		</tr>
		<?php
	}

	/**
	 * Prints a checkbox. A browser does not send an unchecked box, so the names of all boxes are listed in one more field. It is
	 * one for all: PHP accepts only 1,000 fields, and a site can have hundreds of forms.
	 *
	 * @param string $group   The group of choices, or ''.
	 * @param string $name    The name in the group.
	 * @param bool   $checked Whether it is checked.
	 * @param string $label   The label.
	 */
	private function render_checkbox( $group, $name, $checked, $label ) {
		$this->shown[] = $group . '=' . $name;
		$field         = Event_Choices::OPTION . ( '' === $group ? '' : '[' . $group . ']' ) . '[' . $name . ']';
		?>
		<label class="relay-connector-checkbox">
			<input type="checkbox" name="<?php echo esc_attr( $field ); ?>" value="1" <?php checked( $checked ); ?>>
			<?php echo esc_html( $label ); ?>
		</label>
		<?php
	}
}
