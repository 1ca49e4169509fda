<?php
/**
 * MetForm.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * The hook passes the whole request. Only what the form has a field for is read. Its fields are widgets of Elementor,
 * with the settings of the form in the post.
 */
final class Metform extends Added_Form_Plugin {

	const POST_TYPE = 'metform-form';

	/**
	 * Types as Field_Types knows them, by the name of the widget without "mf-".
	 */
	const TYPES = array(
		'listing-fname' => 'first_name',
		'listing-lname' => 'last_name',
		'listing-optin' => 'consent',
		'gdpr-consent'  => 'consent',
		'telephone'     => 'phone',
		'multi-select'  => 'multi_select',
		'range'         => 'number',
		'button'        => 'hidden',
		'simple-captcha' => 'captcha',
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'metform';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'MetForm';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return class_exists( '\MetForm\Plugin', false );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'metform_after_store_form_data', array( $this, 'on_stored' ), 20, 4 );
	}

	/**
	 * An entry was accepted, and stored if the form stores its entries (MetForm\Core\Entries\Action::submit() in
	 * core/entries/action.php).
	 *
	 * @param int   $form_id  The form.
	 * @param array $values   The request.
	 * @param array $settings The settings of the form.
	 * @param array $files    With file_upload_info, the stored files by field.
	 */
	public function on_stored( $form_id = 0, $values = array(), $settings = array(), $files = array() ) {
		$this->record_entry(
			function () use ( $form_id, $values, $files ) {
				if ( ! is_array( $values ) ) {
					return null;
				}
				$entry = new Form_Entry( $form_id, get_the_title( (int) $form_id ) );
				foreach ( $this->widgets( $form_id ) as $name => $widget ) {
					$field = $this->read( $name, $widget );
					if ( Field_Types::FILE === $field->kind ) {
						$field->value    = isset( $files['file_upload_info'][ $name ] ) ? wp_list_pluck( (array) $files['file_upload_info'][ $name ], 'url' ) : '';
						$entry->fields[] = $field;
					} elseif ( array_key_exists( $name, $values ) || Field_Types::is_consent( $field->type ) ) {
						$field->value    = self::value_of( $field, $widget, isset( $values[ $name ] ) ? $values[ $name ] : '' );
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		return $this->titles_of_posts( self::POST_TYPE );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$fields = array();
		foreach ( $this->widgets( $form_id ) as $name => $widget ) {
			$fields[] = $this->read( $name, $widget );
		}
		return $fields;
	}

	/**
	 * The widgets of a form by the name of their field.
	 *
	 * @param int|string $form_id The form's id.
	 * @return object[] Each with widgetType and the settings of the widget.
	 */
	private function widgets( $form_id ) {
		return is_callable( array( '\MetForm\Core\Entries\Action', 'instance' ) ) ? (array) \MetForm\Core\Entries\Action::instance()->get_fields( (int) $form_id ) : array();
	}

	/**
	 * A field without its value. Values are as typed.
	 *
	 * @param string $name   Its name.
	 * @param object $widget The widget.
	 * @return Form_Field
	 */
	private function read( $name, $widget ) {
		$type = substr( (string) $widget->widgetType, strlen( 'mf-' ) );
		$type = isset( self::TYPES[ $type ] ) ? self::TYPES[ $type ] : $type;
		$read = new Form_Field( $name, isset( $widget->mf_input_label ) ? (string) $widget->mf_input_label : '', $type );
		if ( 'text' === $type ) {
			$read->kind = Field_Types::kind( $type, preg_replace( '/^mf-/', '', (string) $name ) );
		}
		$read->format = Plain_Text::TYPED;
		return $read;
	}

	/**
	 * A value. Several choices are posted as one text, "red,blue": it is taken apart if each part is a choice.
	 *
	 * @param Form_Field $field  The field.
	 * @param object     $widget The widget.
	 * @param mixed      $value  The posted value.
	 * @return mixed
	 */
	private static function value_of( Form_Field $field, $widget, $value ) {
		if ( Field_Types::CHOICES !== $field->kind || ! is_string( $value ) ) {
			return $value;
		}
		$options = array();
		foreach ( isset( $widget->mf_input_list ) ? (array) $widget->mf_input_list : array() as $option ) {
			$options = array_merge( $options, array_filter( array_values( (array) $option ), 'is_string' ) );
		}
		$parts = array_map( 'trim', explode( ',', $value ) );
		return in_array( $value, $options, true ) || array_diff( $parts, $options ) ? array( $value ) : $parts;
	}
}
