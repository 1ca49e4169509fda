<?php
/**
 * The event settings on the settings page.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Events\Base_Source;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Leads;

defined( 'ABSPATH' ) || exit;

/**
 * One row of the settings page for each event source on this site: whether its events are sent, and with which fields.
 */
final class Event_Settings_Section {

	/**
	 * What the admin has chosen.
	 *
	 * @var Event_Choices
	 */
	private $choices;

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
		$missing = array();
		?>
		<tr class="relay-connector-hidden"><td colspan="2"><input type="hidden" name="<?php echo esc_attr( Event_Choices::OPTION ); ?>[submitted]" value="1"></td></tr>
		<?php
		foreach ( $this->sources as $source ) {
			if ( $source->is_available() ) {
				$this->render_source( $source );
			}
			$missing = array_merge( $missing, $source->missing() );
		}
		if ( $missing ) {
			$this->render_missing( $missing );
		}
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
		foreach ( $leads->plugins() as $plugin ) {
			if ( ! $plugin->is_active() ) {
				continue;
			}
			?>
			<p class="relay-connector-subhead"><?php echo esc_html( $plugin->name() ); ?></p>
			<?php
			if ( ! $plugin->is_on_by_default() ) {
				/* translators: %s: name of a form plugin. */
				$this->render_checkbox( 'plugins', $plugin->slug(), $leads->sends_plugin( $plugin ), sprintf( __( 'Send entries of %s', 'relay-connector' ), $plugin->name() ) );
			}
			$forms = $plugin->safe_forms();
			if ( ! $forms && $plugin->is_on_by_default() ) {
				?>
				<p class="description"><?php esc_html_e( 'No forms yet. New forms appear here.', 'relay-connector' ); ?></p>
				<?php
			}
			foreach ( $forms as $id => $title ) {
				$form = $plugin->slug() . ':' . $id;
				?>
				<div class="relay-connector-form">
					<?php $this->render_checkbox( 'forms', $form, $this->choices->sends_form( $form ), '' === $title ? $plugin->title_of( $id ) : $title ); ?>
					<a href="<?php echo esc_url( Form_Fields_Page::url( $form ) ); ?>"><?php echo esc_html( $this->fields_link( $form ) ); ?><span class="screen-reader-text"> <?php echo esc_html( $title ); ?></span></a>
				</div>
				<?php
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
	 * Prints a checkbox. A browser does not send an unchecked box, so a hidden field with 0 precedes it.
	 *
	 * @param string $group   The group of choices, or ''.
	 * @param string $name    The name in the group.
	 * @param bool   $checked Whether it is checked.
	 * @param string $label   The label.
	 */
	private function render_checkbox( $group, $name, $checked, $label ) {
		$field = Event_Choices::OPTION . ( '' === $group ? '' : '[' . $group . ']' ) . '[' . $name . ']';
		?>
		<label class="relay-connector-checkbox">
			<input type="hidden" name="<?php echo esc_attr( $field ); ?>" value="0">
			<input type="checkbox" name="<?php echo esc_attr( $field ); ?>" value="1" <?php checked( $checked ); ?>>
			<?php echo esc_html( $label ); ?>
		</label>
		<?php
	}
}
