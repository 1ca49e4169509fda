<?php
/**
 * WPForms.
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
 * The free edition stores no entries: their id is 0. Spam entries do not reach this hook.
 */
final class Wpforms extends Form_Plugin {

	/**
	 * Types with values that are separated by line breaks.
	 */
	const LISTS = array( 'checkbox', 'payment-checkbox', 'select', 'likert_scale' );

	/**
	 * The parts of a name with their labels and kinds (WPForms_Field_Name::format() in includes/fields/class-name.php).
	 */
	const NAME_PARTS = array(
		'first'  => array( 'First name', Field_Types::FIRST_NAME ),
		'middle' => array( 'Middle name', 'middle_name' ),
		'last'   => array( 'Last name', Field_Types::LAST_NAME ),
	);

	/**
	 * The parts of an address (WPForms_Field_Address::format() in the paid editions).
	 */
	const ADDRESS = array(
		'address_1' => 'address1',
		'address_2' => 'address2',
		'city'      => 'city',
		'state'     => 'state',
		'postcode'  => 'postal',
		'country'   => 'country',
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'wpforms';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'WPForms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return function_exists( '\wpforms' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'wpforms_process_complete', array( $this, 'on_complete' ), 20, 4 );
	}

	/**
	 * A form was accepted.
	 *
	 * @param array[] $values   By field id, each with name, value, id, type.
	 * @param array   $posted   The posted data, with fields: what the visitor entered, by field id.
	 * @param array   $form     The form, with id and settings.
	 * @param int     $entry_id The entry's id, or 0.
	 */
	public function on_complete( $values = array(), $posted = array(), $form = array(), $entry_id = 0 ) {
		$this->record_entry(
			function () use ( $values, $posted, $form, $entry_id ) {
				if ( ! is_array( $values ) || ! isset( $form['id'] ) ) {
					return null;
				}
				$title = isset( $form['settings']['form_title'] ) ? $form['settings']['form_title'] : '';
				$entry = new Form_Entry( $form['id'], $title, (int) $entry_id );
				$known = isset( $form['fields'] ) ? (array) $form['fields'] : array();
				foreach ( $values as $id => $field ) {
					// A choice without an answer can be a plain text instead of a field (WPForms_Field_Select::format()).
					if ( is_array( $field ) ) {
						$read = $this->read( $id, $field, isset( $known[ $id ] ) ? (array) $known[ $id ] : array() );
						if ( Field_Types::CONSENT === $read->kind && isset( $posted['fields'] ) && is_array( $posted['fields'] ) ) {
							// Its value is always the text of the box, checked or not (WPForms_Field_GDPR_Checkbox::format() in
							// includes/fields/class-gdpr-checkbox.php).
							$read->value = isset( $posted['fields'][ $id ] ) ? $posted['fields'][ $id ] : '';
						}
						$entry->fields[] = $read;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * A field with its value.
	 *
	 * @param int|string $id       The field's id.
	 * @param array      $field    The field of the entry.
	 * @param array      $settings The field of the form, if it is known.
	 * @return Form_Field
	 */
	private function read( $id, array $field, array $settings ) {
		$type         = isset( $field['type'] ) ? (string) $field['type'] : '';
		$value        = isset( $field['value'] ) ? $field['value'] : '';
		// The label in the entry went through sanitize_text_field(), which removes "<5V>".
		$label        = ! empty( $settings['label'] ) ? $settings['label'] : ( isset( $field['name'] ) ? $field['name'] : '' );
		$read         = new Form_Field( isset( $field['id'] ) ? $field['id'] : $id, $label, $type, $value );
		$read->format = self::format_of( $type, $read->kind );
		if ( is_string( $value ) && in_array( $type, self::LISTS, true ) ) {
			$read->value = explode( "\n", $value );
			$read->kind  = empty( $settings['multiple'] ) ? $read->kind : Field_Types::CHOICES;
		}
		if ( Field_Types::NAME === $read->kind && isset( $field['first'], $field['last'] ) && '' !== $field['first'] . $field['last'] ) {
			$parts = array();
			foreach ( self::NAME_PARTS as $part => $about ) {
				$parts[] = array(
					'label' => $about[0],
					'kind'  => $about[1],
					'value' => isset( $field[ $part ] ) ? $field[ $part ] : '',
				);
			}
			$read->set_parts( $parts );
		} elseif ( 'address' === $type ) {
			$read->set_address( $field, self::ADDRESS );
		}
		return $read;
	}

	/**
	 * How the values of a type are stored. Choices and prices are those of the form, with entities such as &#36;.
	 *
	 * @param string $type The type.
	 * @param string $kind The kind.
	 * @return string
	 */
	private static function format_of( $type, $kind ) {
		if ( 'richtext' === $type ) {
			return Plain_Text::HTML;
		}
		$is_from_form = in_array( $kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) || 0 === strpos( $type, 'payment-' );
		return $is_from_form ? Plain_Text::TITLE : Plain_Text::SANITIZED;
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$posts = get_posts(
			array(
				'post_type'   => 'wpforms',
				'post_status' => 'publish',
				'numberposts' => self::MOST_FORMS,
			)
		);
		return wp_list_pluck( $posts, 'post_title', 'ID' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$post   = get_post( (int) $form_id );
		$form   = $post ? json_decode( $post->post_content, true ) : null;
		$fields = array();
		foreach ( isset( $form['fields'] ) ? (array) $form['fields'] : array() as $id => $field ) {
			$fields[] = new Form_Field( isset( $field['id'] ) ? $field['id'] : $id, isset( $field['label'] ) ? $field['label'] : '', isset( $field['type'] ) ? $field['type'] : '' );
		}
		return $fields;
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=wpforms-entries&view=details&entry_id=' . $entry_id );
	}
}
