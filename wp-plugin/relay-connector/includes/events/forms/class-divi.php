<?php
/**
 * Divi.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;

defined( 'ABSPATH' ) || exit;

/**
 * The contact form of the Divi theme and builder, version 4.13.1 and later. It passes no types, so the id of a field
 * says what it is; the module's own fields are name, email and message.
 */
final class Divi extends Added_Form_Plugin {

	const FIELDS = array(
		'name'    => Field_Types::NAME,
		'email'   => Field_Types::EMAIL,
		'message' => Field_Types::TEXTAREA,
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'divi';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Divi';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'ET_BUILDER_VERSION' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'et_pb_contact_form_submit', array( $this, 'on_submit' ), 20, 3 );
	}

	/**
	 * A form was submitted, with any outcome.
	 *
	 * @param array[] $values    By field id, each with value and label.
	 * @param bool    $has_error Whether it was refused.
	 * @param array   $form      With contact_form_id, contact_form_unique_id and post_id.
	 */
	public function on_submit( $values = array(), $has_error = false, $form = array() ) {
		$this->record_entry(
			function () use ( $values, $has_error, $form ) {
				if ( $has_error || ! is_array( $values ) || ! $values ) {
					return null;
				}
				$id    = ! empty( $form['contact_form_unique_id'] ) ? $form['contact_form_unique_id'] : ( isset( $form['contact_form_id'] ) ? $form['contact_form_id'] : '' );
				$title = ! empty( $form['title'] ) ? $form['title'] : ( empty( $form['post_id'] ) ? '' : get_the_title( (int) $form['post_id'] ) );
				$entry = new Form_Entry( $id, (string) $title );
				foreach ( $values as $key => $field ) {
					$read            = new Form_Field( $key, isset( $field['label'] ) ? (string) $field['label'] : '', 'text', isset( $field['value'] ) ? wp_unslash( $field['value'] ) : '' );
					$known           = strtolower( (string) $key );
					$read->kind      = isset( self::FIELDS[ $known ] ) ? self::FIELDS[ $known ] : Field_Types::kind( 'text', $known );
					$entry->fields[] = $read;
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
		// They are modules in pages.
		return array();
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		return array();
	}
}
